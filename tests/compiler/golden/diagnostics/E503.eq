module M
size V
index v: V
input k in V = 3
output y[v] = [v == k]
