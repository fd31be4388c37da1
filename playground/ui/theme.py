"""Gradio's theme with one accent and the fonts of the system, designed for light and dark."""

import gradio as gr

SANS = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "Noto Sans", "sans-serif"]
MONO = ["ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace"]


def theme() -> gr.themes.Base:
    """Calm greys, one blue, no font that has to be fetched."""
    base = gr.themes.Base(
        primary_hue=gr.themes.colors.indigo, secondary_hue=gr.themes.colors.slate,
        neutral_hue=gr.themes.colors.slate,
        spacing_size=gr.themes.sizes.spacing_sm, radius_size=gr.themes.sizes.radius_md,
        text_size=gr.themes.sizes.text_md,
        font=SANS, font_mono=MONO,
    )  # fmt: skip
    return base.set(
        body_background_fill="#ffffff", body_background_fill_dark="#17181c",
        background_fill_primary="#ffffff", background_fill_primary_dark="#17181c",
        background_fill_secondary="#f6f7fa", background_fill_secondary_dark="#1e2026",
        body_text_color="#1f2430", body_text_color_dark="#e8eaf0",
        body_text_color_subdued="#586074", body_text_color_subdued_dark="#a9b1c3",
        block_background_fill="transparent", block_background_fill_dark="transparent",
        block_border_width="0px", block_shadow="none", block_padding="0px",
        block_label_background_fill="transparent", block_label_background_fill_dark="transparent",
        block_info_text_color="#586074", block_info_text_color_dark="#a9b1c3",
        block_title_text_weight="500", block_title_text_size="13px", block_title_text_color="#1f2430",
        block_title_text_color_dark="#e8eaf0", block_info_text_size="13px", form_gap_width="0px",
        border_color_primary="#d9dde6", border_color_primary_dark="#3a3f4b",
        input_background_fill="#ffffff", input_background_fill_dark="#1e2026",
        input_border_color="#c3c9d5", input_border_color_dark="#4a5060", input_border_width="1px",
        slider_color="#2f55c7", slider_color_dark="#9db4ff",
        button_primary_background_fill="#2f55c7", button_primary_background_fill_hover="#2747a8",
        button_primary_background_fill_dark="#9db4ff", button_primary_background_fill_hover_dark="#b7c8ff",
        button_primary_text_color="#ffffff", button_primary_text_color_dark="#10162b",
        button_secondary_background_fill="#eef1f6", button_secondary_background_fill_hover="#e2e7f0",
        button_secondary_background_fill_dark="#2a2e37", button_secondary_background_fill_hover_dark="#363b47",
        button_secondary_text_color="#1f2430", button_secondary_text_color_dark="#e8eaf0",
        button_small_text_weight="400", button_large_text_weight="500", button_transition="none",
        checkbox_label_background_fill="transparent", checkbox_label_background_fill_dark="transparent",
        checkbox_label_background_fill_hover="transparent", checkbox_label_background_fill_hover_dark="transparent",
        checkbox_label_background_fill_selected="transparent",
        checkbox_label_background_fill_selected_dark="transparent",
        checkbox_label_border_width="0px", checkbox_label_padding="2px 8px 2px 0",
        checkbox_label_text_color_selected="*body_text_color", checkbox_label_shadow="none",
        checkbox_background_color_selected="#2f55c7", checkbox_background_color_selected_dark="#5876d8",
        checkbox_border_color="#8b93a5", checkbox_border_color_dark="#8b93a5",
    )  # fmt: skip
