"""From noise to a picture: schedulers, the denoising loop, and what is kept of each step.

The loop is written against diffusers' schedulers and checked against its pipelines. It knows a model only as
something that encodes words, predicts at a noise level, and decodes latents (`loop.Denoiser`).
"""
