module M
source "arXiv:1706.03762
input x
output y = x
