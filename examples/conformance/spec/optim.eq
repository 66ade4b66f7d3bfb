# One step of an optimiser on a vector of N parameters with gradient g.

module SGDMomentum
"Gradient descent with momentum, which is not 0: torch.optim.SGD holds no velocity without it. `v` is the velocity before the step."
source "Sutskever et al., On the importance of initialization and momentum in deep learning, 2013; torch.optim.SGD"

size  N
index n: N

input theta[N]
input g[N]
input v[N]
const lr
const momentum = 0.9
const decay = 0
require momentum > 0

output v_new[n] = momentum * v[n] + g[n] + decay * theta[n]
output theta_new[n] = theta[n] - lr * v_new[n]


module SGDNesterov
"Gradient descent with Nesterov's momentum: the step is taken along the gradient and the velocity to come."
source "Sutskever et al., On the importance of initialization and momentum in deep learning, 2013; torch.optim.SGD, nesterov"

size  N
index n: N

input theta[N]
input g[N]
input v[N]
const lr
const momentum = 0.9
const decay = 0
require momentum > 0

pull[n] = g[n] + decay * theta[n]
output v_new[n] = momentum * v[n] + pull[n]
output theta_new[n] = theta[n] - lr * (pull[n] + momentum * v_new[n])
