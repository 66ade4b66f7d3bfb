# Functions that every spec may use, as equations.

def relu(x) = max(x, 0)
def sigmoid(x) = 1 / (1 + exp(-x))
def log_sigmoid(x) = log(sigmoid(x))
def softplus(x) = log(1 + exp(x))
def silu(x) = x * sigmoid(x)
def gelu(x) = x * (1 + erf(x / sqrt(2))) / 2
def gelu_tanh(x) = x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x^3))) / 2
def clip(x, low, high) = min(max(x, low), high)
def rsqrt(x) = 1 / sqrt(x)
