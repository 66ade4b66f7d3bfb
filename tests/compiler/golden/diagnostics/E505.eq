module M
size V
index v: V
input k in V, w[V]
output y = w[k]

law last: y == w[V - 1]  with k = V
