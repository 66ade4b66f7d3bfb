module M
size T
index t: T
input x[T]
use inner: M()
output y = inner(x = x)
