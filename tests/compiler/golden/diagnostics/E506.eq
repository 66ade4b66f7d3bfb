module M
size T, A, B
index t: T
input x[T], z[A, B]
output y[t] = x[min(max(min(max(min(max(min(max(min(max(min(max(min(max(min(max(min(max(min(max(min(max(min(max(min(max(min(max(min(max(min(max(min(max(min(max(min(max(min(max(min(max(min(max(min(max(min(max(min(max(t, A), B), A), B), A), B), A), B), A), B), A), B), A), B), A), B), A), B), A), B), A), B), A), B), A), B), A), B), A), B), A), B), A), B), A), B), A), B), A), B), A), B), A), B), A), B), A), B), A), B)] + z[0,0]
