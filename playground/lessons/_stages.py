"""The words on the page: for each stage of each lesson a sentence or two, a formula, and where it comes from."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Stage:
    """`sentence`: one or two plain ones, with the field's term. `formula`: plain text. `source`: paper and section."""

    sentence: str
    formula: str
    source: str


_BPE = Stage(
    "A tokenizer cuts text into tokens. Byte-pair encoding begins with single bytes and, again and again, joins the "
    "pair of neighbours that is seen most often into a new token.",
    "(a, b) = argmax count(a b)      a b → ab      until the vocabulary is full",
    "Sennrich, Haddow & Birch 2016, “Neural Machine Translation of Rare Words with Subword Units”, section 3.2",
)
_TRANSFORMER = "Vaswani et al. 2017, “Attention Is All You Need”, section 3"
_ADAM = "Kingma & Ba 2015, “Adam”, algorithm 1; Loshchilov & Hutter 2019, “Decoupled Weight Decay Regularization”"
_SAVE = (
    "The weights are everything that was learned. Saved with the configuration and a card that says what they were "
    "trained on, they are a model that other tabs can open."
)
_SAFETENSORS = Stage(
    _SAVE,
    "model = architecture + {name: tensor}",
    "Mitchell et al. 2019, “Model Cards for Model Reporting”, section 4; format: safetensors (numbers only, no code)",
)
_PIXELS = Stage(
    "A picture is a grid of numbers: three for every pixel, how much red, green and blue, scaled to -1 … 1. A point "
    "of the plane is just two numbers.",
    "x = value / 127.5 - 1      x ∈ [-1, 1]^(3 × height × width)",
    "Goodfellow, Bengio & Courville 2016, “Deep Learning”, section 12.2.1 (preprocessing)",
)
_SET = Stage(
    "The model learns a distribution from examples drawn from it: points of the plane, where everything can be seen, "
    "or small pictures. A tenth is held out and never trained on.",
    "x_1 … x_N ~ p(x)      train: 90 %, held out: 10 %",
    "Goodfellow, Bengio & Courville 2016, “Deep Learning”, section 5.3 (validation sets)",
)

_ALL = {
    ("gpt", "data"): Stage(
        "The training set is plain text and nothing else: no labels are needed, because the next word is the label "
        "(self-supervised learning). A few texts are held out to see whether more than memory was learned.",
        "text → (t_1 … t_i , t_{i+1})      for every i",
        "Radford et al. 2019, “Language Models are Unsupervised Multitask Learners”, sections 2 and 2.1",
    ),
    ("gpt", "tokens"): _BPE,
    ("gpt", "architecture"): Stage(
        "A decoder-only Transformer: attention lets each token look at those before it, an MLP works on each by "
        "itself, and both add to what is there (the residual stream).",
        "Attention(Q, K, V) = softmax(Q Kᵀ / √d) V      with everything after a token masked out",
        _TRANSFORMER + ".2; layer order: Radford et al. 2019, section 2.3",
    ),
    ("gpt", "learning"): Stage(
        "The loss is the average surprise at the token that really came (cross-entropy). Backpropagation gives each "
        "weight its share of it, and the optimizer moves every weight a little against that.",
        "loss = -1/n · Σ log p(t_{i+1} | t_1 … t_i)      w ← w - lr · m / (√v + ε)",
        _ADAM,
    ),
    ("gpt", "error"): Stage(
        "One wrong guess, followed back: its gradient says how each weight would have to move to make the true token "
        "likelier. One step of the optimizer, on a copy, shows how much likelier.",
        "∂loss/∂logit_k = p_k - [k is the true token]      ∂loss/∂W by the chain rule",
        "Rumelhart, Hinton & Williams 1986, “Learning representations by back-propagating errors”, equations 4 to 8",
    ),
    ("gpt", "save"): _SAFETENSORS,
    ("bert", "data"): Stage(
        "The training set is plain text. Some tokens are hidden, and what stood there is the label "
        "(masked language modelling).",
        "t_1 [MASK] t_3 … → t_2      30 % chosen: 80 % [MASK], 10 % another token, 10 % left as it is",
        "Devlin et al. 2018, “BERT”, section 3.1 and appendix A.1; more than 15 %: Wettig et al. 2023, section 3",
    ),
    ("bert", "tokens"): Stage(
        "A tokenizer cuts words into pieces; a piece inside a word begins with ##. They are found by joining frequent "
        "neighbours, and the longest piece that fits is taken first (WordPiece).",
        "“untied” → un ##tie ##d",
        "Wu et al. 2016, “Google’s Neural Machine Translation System”, section 4.1; Devlin et al. 2018, section 3",
    ),
    ("bert", "architecture"): Stage(
        "An encoder-only Transformer: every token looks at all others, to the left and to the right. That makes it "
        "good at reading, and leaves it no order in which to write.",
        "Attention(Q, K, V) = softmax(Q Kᵀ / √d) V      nothing is masked out",
        _TRANSFORMER + ".2; Devlin et al. 2018, section 3",
    ),
    ("bert", "learning"): Stage(
        "The loss is the average surprise at the hidden tokens only. Beside it stands an n-gram that only counts which "
        "word stood between which: to pass it, the model must read further.",
        "loss = -1/|M| · Σ_{i in M} log p(t_i | text with M hidden)",
        "Devlin et al. 2018, section 3.1; optimizer: " + _ADAM,
    ),
    ("bert", "error"): Stage(
        "One gap that was filled in wrongly, followed back: its gradient by layer, one weight before and after a step "
        "of the optimizer on a copy, and the new probability of the true word.",
        "∂loss/∂logit_k = p_k - [k is the true token]      ∂loss/∂W by the chain rule",
        "Rumelhart, Hinton & Williams 1986, “Learning representations by back-propagating errors”, equations 4 to 8",
    ),
    ("bert", "save"): _SAFETENSORS,
    ("t5", "data"): Stage(
        "The training set is pairs of an input and an output (sequence to sequence): a word's letters and its sounds, "
        "or a text with gaps and what stood in them.",
        "p h o n e → F OW N      or      the sky <extra_id_0> . → <extra_id_0> is blue <extra_id_1>",
        "Raffel et al. 2020, “Exploring the Limits of Transfer Learning”, section 3.1.4; CMU Pronouncing Dictionary",
    ),
    ("t5", "tokens"): Stage(
        "For sounds, each letter and each phoneme is a token. For texts, byte-pair encoding joins frequent "
        "neighbours, and extra tokens (sentinels) stand for the gaps.",
        "(a, b) = argmax count(a b)      a b → ab      until the vocabulary is full",
        "Sennrich, Haddow & Birch 2016, section 3.2; sentinels: Raffel et al. 2020, section 3.1.4",
    ),
    ("t5", "architecture"): Stage(
        "An encoder reads the input all at once; a decoder writes the output token by token and looks at what the "
        "encoder made of the input (cross-attention).",
        "Cross(Q_decoder, K_encoder, V_encoder) = softmax(Q Kᵀ + bias(distance)) V",
        _TRANSFORMER + ".2.3; distances instead of positions: Raffel et al. 2020, section 2.1",
    ),
    ("t5", "learning"): Stage(
        "The loss is the average surprise at the output's tokens, each asked after the true ones before it (teacher "
        "forcing). It falls a second time when cross-attention finds where to look.",
        "loss = -1/n · Σ log p(y_i | y_1 … y_{i-1}, x)",
        "Sutskever et al. 2014, “Sequence to Sequence Learning”, section 3.2; Raffel et al. 2020, section 3.1.2",
    ),
    ("t5", "error"): Stage(
        "One token of an answer that was wrong, followed back: its gradient runs through the decoder and, by "
        "cross-attention, into the encoder.",
        "∂loss/∂logit_k = p_k - [k is the true token]      ∂loss/∂W by the chain rule",
        "Rumelhart, Hinton & Williams 1986, “Learning representations by back-propagating errors”, equations 4 to 8",
    ),
    ("t5", "save"): _SAFETENSORS,
    ("vae", "data"): _SET,
    ("vae", "tokens"): Stage(
        "A picture is a grid of numbers, three for every pixel. The encoder turns it into a few numbers, its code in "
        "the latent space, and the decoder turns the code back into a picture.",
        "x ∈ [-1, 1]^(3·H·W)  →  z ∈ ℝ^L  →  x̂",
        "Kingma & Welling 2013, “Auto-Encoding Variational Bayes”, section 2",
    ),
    ("vae", "architecture"): Stage(
        "The encoder gives each example a normal distribution over codes, a mean and a variance for every number; "
        "the decoder gives each code an example. Convolutions halve and double the picture.",
        "z = mu(x) + sigma(x) · noise      noise ~ N(0, 1)      (the reparameterisation trick)",
        "Kingma & Welling 2013, section 2.4 and appendix C",
    ),
    ("vae", "learning"): Stage(
        "Two forces: the reconstruction wants codes far apart and exact, the KL divergence wants them all to look "
        "like draws from N(0, 1). Where they agree, any draw decodes to something new.",
        "loss = -log p(x | z) + beta · ½ Σ (mu² + sigma² - log sigma² - 1)",
        "Kingma & Welling 2013, equation 3 and appendix B; beta: Higgins et al. 2017, “beta-VAE”, equation 4",
    ),
    ("vae", "error"): Stage(
        "The example that is rebuilt worst, followed back: its loss, the gradient by layer through decoder and "
        "encoder, and how much better one step of the optimizer on a copy rebuilds it.",
        "∂loss/∂mu = ∂loss/∂z      ∂loss/∂log sigma² = ½ · ∂loss/∂z · sigma · noise      (+ the KL's own)",
        "Kingma & Welling 2013, section 2.4",
    ),
    ("vae", "save"): _SAFETENSORS,
    ("gan", "data"): _SET,
    ("gan", "tokens"): _PIXELS,
    ("gan", "architecture"): Stage(
        "Two networks: the generator turns noise into an example, the discriminator says how likely an example is to "
        "be real.",
        "G: z ~ N(0, 1) → x      D: x → sigmoid(D(x)) = p(real)",
        "Goodfellow et al. 2014, “Generative Adversarial Nets”, section 3; convolutions: Radford et al. 2016",
    ),
    ("gan", "learning"): Stage(
        "A game, not a descent: the discriminator learns to tell real from generated, the generator to be taken for "
        "real. Neither loss says how good the pictures are; R1 and averaging keep the game from circling.",
        "loss_D = -log p(real | x) - log(1 - p(real | G(z))) + γ/2 · |∇D(x)|²      loss_G = -log p(real | G(z))",
        "Goodfellow et al. 2014, section 3 and equation 1; R1: Mescheder et al. 2018, equation 9",
    ),
    ("gan", "error"): Stage(
        "A generated example that the discriminator sees through, or a real one that it takes for a fake. The "
        "generator's gradient comes through the discriminator: it is told which way looks more real.",
        "∂loss_G/∂G = ∂loss_G/∂D(x) · ∂D(x)/∂x · ∂x/∂G",
        "Goodfellow et al. 2014, algorithm 1",
    ),
    ("gan", "save"): _SAFETENSORS,
    ("diffusion", "data"): _SET,
    ("diffusion", "tokens"): _PIXELS,
    ("diffusion", "architecture"): Stage(
        "One network sees a noisy example and the time, and says which noise is in it. For pictures it is a U-Net: "
        "halved on the way down, doubled on the way up, with bridges between equal sizes.",
        "(x_t, t) → noise",
        "Ho et al. 2020, “Denoising Diffusion Probabilistic Models”, section 4; Ronneberger et al. 2015, section 2",
    ),
    ("diffusion", "learning"): Stage(
        "Noise is added to an example at a random time, and the loss is the squared error of the guess. A sample is "
        "made by going back from pure noise, guess after guess.",
        "x_t = alpha_t · x0 + sigma_t · noise      loss = |noise - guess(x_t, t)|²",
        "Ho et al. 2020, equations 4 and 14, algorithm 1; few large steps: Song et al. 2021, equation 12",
    ),
    ("diffusion", "error"): Stage(
        "The example whose noise was guessed worst, followed back: its loss, the gradient by layer, and the loss "
        "after one step of the optimizer on a copy.",
        "∂loss/∂guess = 2 · (guess - noise) / n",
        "Ho et al. 2020, algorithm 1",
    ),
    ("diffusion", "save"): _SAFETENSORS,
}


def stage(lesson: str, name: str) -> Stage:
    """The words for one stage of a lesson."""
    return _ALL[lesson, name]
