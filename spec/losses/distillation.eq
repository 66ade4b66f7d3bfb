# Distillation over N positions and V classes: z holds the logits of the student, w those of the teacher.

module ForwardKL
"Divergence of the student from the teacher, KL(teacher, student), both softened by the temperature tau; times tau^2, so that gradients keep their size."
source "Hinton et al., Distilling the Knowledge in a Neural Network, arXiv:1503.02531, section 2"

size  N, V
index n: N   v: V

input z[N, V], w[N, V]
input m[N] in bool = true
const tau = 1
require tau > 0

student[n,v] = log_softmax[v] z[n,v] / tau
teacher[n,v] = log_softmax[v] w[n,v] / tau
kl[n] = sum[v] exp(teacher[n,v]) * (teacher[n,v] - student[n,v])
output loss = tau ^ 2 * mean[n if m[n]] kl[n]

law at_teacher:   loss == 0   with z[n,v] = w[n,v]
law non_negative: loss >= 0
law gradient:     grad(loss, z[n,v]) == [m[n]] * tau * (exp(student[n,v]) - exp(teacher[n,v])) / (count[n] (m[n]))


module ReverseKL
"Divergence of the teacher from the student, KL(student, teacher), which seeks modes."
source "Gu et al., MiniLLM, arXiv:2306.08543, eq. 1"

size  N, V
index n: N   v: V

input z[N, V], w[N, V]
input m[N] in bool = true
const tau = 1
require tau > 0

student[n,v] = log_softmax[v] z[n,v] / tau
teacher[n,v] = log_softmax[v] w[n,v] / tau
kl[n] = sum[v] exp(student[n,v]) * (student[n,v] - teacher[n,v])
output loss = tau ^ 2 * mean[n if m[n]] kl[n]

law at_teacher:   loss == 0   with z[n,v] = w[n,v]
law non_negative: loss >= 0
law gradient:     grad(loss, z[n,v]) == [m[n]] * tau * exp(student[n,v]) * (student[n,v] - teacher[n,v] - kl[n]) / (count[n] (m[n]))


module JensenShannon
"Generalised Jensen-Shannon divergence of student and teacher against their mixture, of which the teacher has the share beta; no factor tau^2, as in TRL."
source "Agarwal et al., Generalized Knowledge Distillation, arXiv:2306.13649, section 2"

size  N, V
index n: N   v: V

input z[N, V], w[N, V]
input m[N] in bool = true
const beta = 0.5
const tau = 1
require 0 < beta < 1, tau > 0

student[n,v] = log_softmax[v] z[n,v] / tau
teacher[n,v] = log_softmax[v] w[n,v] / tau
mixture[n,v] = log(beta * exp(teacher[n,v]) + (1 - beta) * exp(student[n,v]))
teacher_kl[n] = sum[v] exp(teacher[n,v]) * (teacher[n,v] - mixture[n,v])
student_kl[n] = sum[v] exp(student[n,v]) * (student[n,v] - mixture[n,v])
output loss = mean[n if m[n]] (beta * teacher_kl[n] + (1 - beta) * student_kl[n])

law at_teacher:   loss == 0   with z[n,v] = w[n,v]
law bounded:      0 <= loss <= log(2)   with beta = 1 / 2
# At beta = 1 / 2 the divergence is symmetric.
law symmetric:    loss' == loss   with beta' = 1 - beta, z'[n,v] = w[n,v], w'[n,v] = z[n,v]


module GKD
"Generalised Jensen-Shannon divergence with its ends, as in TRL: at beta = 0 the divergence KL(teacher, student), at beta = 1 KL(student, teacher); between them the plain mixture form, which goes to 0 there."
source "Agarwal et al., Generalized Knowledge Distillation, arXiv:2306.13649; TRL, gkd_trainer.py"

size  N, V
index n: N   v: V

input z[N, V], w[N, V]
input m[N] in bool = true
const beta = 0.5
const tau = 1
require 0 <= beta <= 1, tau > 0

student[n,v] = log_softmax[v] z[n,v] / tau
teacher[n,v] = log_softmax[v] w[n,v] / tau
mixture[n,v] = log(beta * exp(teacher[n,v]) + (1 - beta) * exp(student[n,v]))
forward[n] = sum[v] exp(teacher[n,v]) * (teacher[n,v] - student[n,v])
reverse[n] = sum[v] exp(student[n,v]) * (student[n,v] - teacher[n,v])
teacher_kl[n] = sum[v] exp(teacher[n,v]) * (teacher[n,v] - mixture[n,v])
student_kl[n] = sum[v] exp(student[n,v]) * (student[n,v] - mixture[n,v])
between[n] = beta * teacher_kl[n] + (1 - beta) * student_kl[n]
divergence[n] = if beta == 0 then forward[n] else if beta == 1 then reverse[n] else between[n]
output loss = mean[n if m[n]] divergence[n]

law at_teacher: loss == 0   with z[n,v] = w[n,v]
law start:      loss == mean[n if m[n]] forward[n]   with beta = 0
law end:        loss == mean[n if m[n]] reverse[n]   with beta = 1
