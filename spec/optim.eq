# One step of an optimiser on a vector of N parameters with gradient g.

module SGD
"Gradient descent with momentum and weight decay added to the gradient, in torch.optim.SGD's order: the learning rate multiplies the velocity when it is used. `v` is the velocity before the step."
source "Sutskever et al., On the importance of initialization and momentum in deep learning, 2013; torch.optim.SGD"

size  N
index n: N

input theta[N]
input g[N]
input v[N]
const lr
const momentum = 0
const decay = 0

output v_new[n] = momentum * v[n] + g[n] + decay * theta[n]
output theta_new[n] = theta[n] - lr * v_new[n]

law plain: theta_new[n] == theta[n] - lr * g[n]   with momentum = 0, decay = 0


module AdamW
"Step t (from 1) of Adam with decoupled weight decay. `m` and `v` are the running means of the gradient and of its square before the step; a step multiplies the parameters by 1 - lr decay before it moves them, as torch.optim.AdamW does."
source "Loshchilov and Hutter, Decoupled Weight Decay Regularization, arXiv:1711.05101, algorithm 2; Kingma and Ba, Adam, arXiv:1412.6980, algorithm 1"

size  N
index n: N

input theta[N]
input g[N]
input m[N]
input v[N]
const t = 1
const lr = 1e-3
const beta1 = 0.9
const beta2 = 0.999
const eps = 1e-8
const decay = 0.01
require t >= 1, 0 <= beta1 < 1, 0 <= beta2 < 1, eps > 0

output m_new[n] = beta1 * m[n] + (1 - beta1) * g[n]
output v_new[n] = beta2 * v[n] + (1 - beta2) * g[n] ^ 2
m_hat[n] = m_new[n] / (1 - beta1 ^ t)
v_hat[n] = v_new[n] / (1 - beta2 ^ t)
output theta_new[n] = (1 - lr * decay) * theta[n] - lr * m_hat[n] / (sqrt(v_hat[n]) + eps)

law first: theta_new[n] == theta[n] - lr * g[n] / (abs(g[n]) + eps)
    with t = 1, decay = 0, m[n] = 0, v[n] = 0
