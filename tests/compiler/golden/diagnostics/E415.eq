module Double
input x
output y = 2 * x

module M
input x
output y = 1 + Double(x = x)
