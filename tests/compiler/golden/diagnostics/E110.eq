module M
input x
"A module."
output y = x
