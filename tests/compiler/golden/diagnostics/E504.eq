module Pick
size V
input k in V, w[V]
output y = w[k]

module M
size V
index v: V
input w[V]
n = count[v] (w[v] > 0)
output y = Pick(k = n, w = w)
