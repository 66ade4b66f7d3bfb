def f(x) = g(x) + 1
def g(x) = 2 * f(x)

module M
size T
index t: T
input x[T]
output y[t] = x[t]
