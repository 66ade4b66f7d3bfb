import GroupAdvantage, GroupAdvantageBatchStd from lawful.rl.advantages

module ScaledRewards
"Group-relative advantages whose rewards are scaled by group (scale = 0) or by batch (scale = 1)."

size  B, G
index b: B   g: G
input R[B, G]
const scale = 0
require G >= 2, scale == 0 or scale == 1

by_group = GroupAdvantage(R = R)
by_batch = GroupAdvantageBatchStd(R = R)
output A[b,g] = if scale == 0 then by_group[b,g] else by_batch[b,g]
