  size T
module M
input x
output y = x
