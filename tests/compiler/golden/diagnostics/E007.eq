module M
size T
index t: T
input x[T]
output y[t] = x[t] ^ x[t] ^ x[t] ^ x[t] ^ x[t] ^ x[t] ^ x[t] ^ x[t] ^ x[t] ^ x[t] ^ x[t] ^ x[t] ^ x[t] ^ x[t] ^ x[t] ^ x[t] ^ x[t] ^ x[t] ^ x[t] ^ x[t] ^ x[t] ^ x[t] ^ x[t] ^ x[t] ^ x[t] ^ x[t] ^ x[t] ^ x[t] ^ x[t] ^ x[t] ^ x[t] ^ x[t] ^ x[t] ^ x[t] ^ x[t] ^ x[t] ^ x[t] ^ x[t] ^ x[t] ^ x[t] ^ x[t] ^ x[t] ^ x[t] ^ x[t] ^ x[t] ^ x[t] ^ x[t] ^ x[t] ^ x[t] ^ x[t] ^ x[t] ^ x[t] ^ x[t] ^ x[t] ^ x[t] ^ x[t] ^ x[t] ^ x[t] ^ x[t] ^ x[t] ^ x[t] ^ x[t] ^ x[t] ^ x[t] ^ x[t] ^ x[t] ^ x[t] ^ x[t] ^ x[t] ^ x[t] ^ 2
