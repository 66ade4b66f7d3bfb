def f0(x) = x + x
def f1(x) = f0(x) + f0(x)
def f2(x) = f1(x) + f1(x)
def f3(x) = f2(x) + f2(x)
def f4(x) = f3(x) + f3(x)
def f5(x) = f4(x) + f4(x)
def f6(x) = f5(x) + f5(x)
def f7(x) = f6(x) + f6(x)
def f8(x) = f7(x) + f7(x)
def f9(x) = f8(x) + f8(x)
def f10(x) = f9(x) + f9(x)
def f11(x) = f10(x) + f10(x)
def f12(x) = f11(x) + f11(x)

module M
size T
index t: T
input x[T]
output y[t] = f12(x[t])
