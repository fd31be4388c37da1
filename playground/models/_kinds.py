"""Which kind of language model a configuration describes, and the transformers class that computes it.

    causal            goes on with a text, token by token (GPT, Llama)
    encoder-decoder   reads one text and writes another, token by token (T5, BART)
    masked            says what belongs at hidden places of a text (BERT)

The class named in config.json decides; where none is named that fits, the configuration's type.
"""

from typing import Any

CAUSAL, ENCODER_DECODER, MASKED = "causal", "encoder-decoder", "masked"


def architecture_of(config: Any) -> tuple[str, Any] | None:
    """(kind, class of transformers) of a configuration; None where it is no language model."""
    from transformers.models.auto import modeling_auto as auto

    if config.model_type == "imagegpt":  # whose words are colours; the library lists it among models of pictures
        from transformers import ImageGPTForCausalImageModeling

        return CAUSAL, ImageGPTForCausalImageModeling
    mappings = (
        (CAUSAL, auto.MODEL_FOR_CAUSAL_LM_MAPPING),
        (ENCODER_DECODER, auto.MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING),
        (MASKED, auto.MODEL_FOR_MASKED_LM_MAPPING),
    )
    found: dict[str, list[Any]] = {}
    for kind, mapping in mappings:
        if type(config) in mapping:
            classes = mapping[type(config)]
            found[kind] = list(classes) if isinstance(classes, (list, tuple)) else [classes]
    both_ways = bool(getattr(config, "is_encoder_decoder", False))
    order = [ENCODER_DECODER, MASKED, CAUSAL] if both_ways else [CAUSAL, MASKED, ENCODER_DECODER]
    named = set(config.architectures or ())
    for kind in order:
        for architecture in found.get(kind, ()):
            if architecture.__name__ in named:
                return kind, architecture
    # an encoder whose file names no head ("BertModel") is one that fills gaps, unless it says that it decodes
    if MASKED in found and not both_ways and not getattr(config, "is_decoder", False):
        order = [MASKED]
    return next(((kind, found[kind][0]) for kind in order if kind in found), None)
