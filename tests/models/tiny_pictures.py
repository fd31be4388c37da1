"""Tiny random picture models, saved as diffusers saves them: what a folder from the Hub looks like."""

from pathlib import Path
from typing import Any

import torch

PROMPTS = ("a red apple", "", "the cat and the dog")
VOCABULARY = "a the and red green apple cat dog on of house tree".split()


def tokenizer(most: int = 16, masked: bool = False) -> Any:
    """Words of the prompts; CLIP's way with a token at each end, or T5's with one at the end."""
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace
    from tokenizers.processors import TemplateProcessing
    from transformers import PreTrainedTokenizerFast

    names = {name: i for i, name in enumerate(["<pad>", "</s>", "<s>", "<unk>", *VOCABULARY])}
    made = Tokenizer(WordLevel(names, unk_token="<unk>"))
    made.pre_tokenizer = Whitespace()
    single = "$A </s>" if masked else "<s> $A </s>"
    made.post_processor = TemplateProcessing(single=single, special_tokens=[("<s>", 2), ("</s>", 1)])
    return PreTrainedTokenizerFast(tokenizer_object=made, pad_token="<pad>", eos_token="</s>", bos_token="<s>",
                                   unk_token="<unk>", model_max_length=most)  # fmt: skip


def clip(width: int = 16, projection: bool = False) -> Any:
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    config = CLIPTextConfig(vocab_size=20, hidden_size=width, intermediate_size=2 * width, num_hidden_layers=3,
                            num_attention_heads=2, max_position_embeddings=16, projection_dim=width, eos_token_id=1,
                            bos_token_id=2, pad_token_id=0)  # fmt: skip
    return (CLIPTextModelWithProjection if projection else CLIPTextModel)(config).eval()


def vae() -> Any:
    from diffusers import AutoencoderKL

    return AutoencoderKL(block_out_channels=(8, 16), in_channels=3, out_channels=3, latent_channels=4, sample_size=16,
                         down_block_types=("DownEncoderBlock2D",) * 2, up_block_types=("UpDecoderBlock2D",) * 2,
                         norm_num_groups=4, scaling_factor=0.2).eval()  # fmt: skip


def unet(width: int, **more: Any) -> Any:
    from diffusers import UNet2DConditionModel

    return UNet2DConditionModel(
        sample_size=8, in_channels=4, out_channels=4, block_out_channels=(8, 16), layers_per_block=1, norm_num_groups=4,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"), up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        cross_attention_dim=width, attention_head_dim=4, **more,
    ).eval()  # fmt: skip


def scheduler(prediction: str = "epsilon") -> Any:
    from diffusers import DDIMScheduler

    return DDIMScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", clip_sample=False,
                         set_alpha_to_one=False, steps_offset=1, prediction_type=prediction)  # fmt: skip


def stable_diffusion(prediction: str = "epsilon") -> Any:
    """A pipeline of the Stable Diffusion kind."""
    from diffusers import StableDiffusionPipeline

    torch.manual_seed(1)
    return StableDiffusionPipeline(
        vae=vae(), text_encoder=clip(), tokenizer=tokenizer(), unet=unet(16), scheduler=scheduler(prediction),
        safety_checker=None, feature_extractor=None, requires_safety_checker=False,
    )  # fmt: skip


def latent_consistency() -> Any:
    """A pipeline whose denoiser takes guidance as an input."""
    from diffusers import LatentConsistencyModelPipeline, LCMScheduler

    torch.manual_seed(2)
    return LatentConsistencyModelPipeline(
        vae=vae(), text_encoder=clip(), tokenizer=tokenizer(), unet=unet(16, time_cond_proj_dim=8),
        scheduler=LCMScheduler.from_config(scheduler().config), safety_checker=None, feature_extractor=None,
        requires_safety_checker=False,
    )  # fmt: skip


def xl() -> Any:
    """A pipeline of the SDXL kind: two text encoders, and sizes as a condition."""
    from diffusers import StableDiffusionXLPipeline

    torch.manual_seed(3)
    return StableDiffusionXLPipeline(
        vae=vae(), text_encoder=clip(), text_encoder_2=clip(16, True), tokenizer=tokenizer(), tokenizer_2=tokenizer(),
        unet=unet(32, addition_embed_type="text_time", addition_time_embed_dim=4,
                  projection_class_embeddings_input_dim=16 + 6 * 4),
        scheduler=scheduler(), add_watermarker=False,
    )  # fmt: skip


def pixart(prediction: str = "v_prediction") -> Any:
    """A transformer that denoises, with a masked text encoder."""
    from diffusers import DDIMScheduler, PixArtSigmaPipeline, PixArtTransformer2DModel
    from transformers import T5Config, T5EncoderModel

    torch.manual_seed(4)
    words = T5Config(vocab_size=20, d_model=16, d_kv=8, d_ff=32, num_layers=2, num_heads=2)
    return PixArtSigmaPipeline(
        tokenizer=tokenizer(16, masked=True),
        text_encoder=T5EncoderModel(words).eval(),
        vae=vae(),
        transformer=PixArtTransformer2DModel(
            num_attention_heads=2, attention_head_dim=8, num_layers=2, in_channels=4, out_channels=4, sample_size=8,
            patch_size=2, cross_attention_dim=16, caption_channels=16, norm_type="ada_norm_single",
            use_additional_conditions=False,
        ).eval(),
        scheduler=DDIMScheduler(beta_schedule="squaredcos_cap_v2", prediction_type=prediction, clip_sample=False,
                                timestep_spacing="trailing"),
    )  # fmt: skip


def auraflow() -> Any:
    """A transformer that has the words in its own sequence, without a mask, and was trained by flow matching."""
    from diffusers import AuraFlowPipeline, AuraFlowTransformer2DModel, FlowMatchEulerDiscreteScheduler
    from transformers import T5Config, T5EncoderModel

    torch.manual_seed(6)
    words = T5Config(vocab_size=20, d_model=16, d_kv=8, d_ff=32, num_layers=2, num_heads=2)
    return AuraFlowPipeline(
        tokenizer=tokenizer(16, masked=True),
        text_encoder=T5EncoderModel(words).eval(),
        vae=vae(),
        transformer=AuraFlowTransformer2DModel(
            sample_size=8, patch_size=2, in_channels=4, num_mmdit_layers=1, num_single_dit_layers=2,
            attention_head_dim=8, num_attention_heads=2, joint_attention_dim=16, caption_projection_dim=16,
            out_channels=4, pos_embed_max_size=64,
        ).eval(),
        scheduler=FlowMatchEulerDiscreteScheduler(shift=1.5),
    )  # fmt: skip


KINDS = {"stable diffusion": stable_diffusion, "latent consistency": latent_consistency, "xl": xl, "pixart": pixart,
         "auraflow": auraflow}  # fmt: skip


def folder(kind: str, where: Path) -> Path:
    """A saved pipeline."""
    KINDS[kind]().save_pretrained(str(where), safe_serialization=True)
    return where
