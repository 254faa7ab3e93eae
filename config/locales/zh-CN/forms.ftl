# 表单各项的名称，须短到能作标签。

field-prompt = 提示词
field-negative = 反向提示词
field-seed = 种子
field-size = 尺寸
field-model = 模型
field-lora = LoRA
field-loras = LoRA
field-sampler = 采样器
field-scheduler = 调度器
field-steps = 步数
field-cfg = 引导强度
field-guidance = 引导强度
field-strength = 重绘幅度
field-aspect = 宽高比
field-count = 张数
field-reason = 原因
