# The names of what a form asks for, short enough for a label.

field-prompt = Prompt
field-negative = Negative prompt
field-seed = Seed
field-size = Size
field-model = Model
field-lora = LoRA
field-loras = LoRA
field-sampler = Sampler
field-scheduler = Scheduler
field-steps = Steps
field-cfg = Guidance
field-guidance = Guidance
field-strength = Strength
field-aspect = Aspect ratio
field-count = Pictures
field-reason = Reason
