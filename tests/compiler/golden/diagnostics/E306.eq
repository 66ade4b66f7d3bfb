module M
size L, A, B
index l: L   a: A   b: B
input x[A], z[B]
h[0,a] = x[a]
h[l+1,b] = z[b]
output y[a] = h[L,a]
