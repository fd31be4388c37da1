"""The recipe of the embedded text-to-image model `emoji`: data, autoencoder, text encoder, denoiser, export.

Run in this order, each resumable, from the top of the repository (FOLDER keeps everything between the steps):

    python -m tools.pictures.data FOLDER        packages → pictures with transparency, captions, vocabulary of words
    python -m tools.pictures.autoencoder FOLDER pictures → latents and back (10 minutes on two cores)
    python -m tools.pictures.scenes FOLDER --count 48000 --single 0.55
                                                pictures of one or two things, recoloured, as latents with captions
    python -m tools.pictures.denoiser FOLDER    words → latents (2 hours a piece)
    python -m tools.pictures.export FOLDER OUT  a folder of diffusers components in 8 bits

To go on from what was exported, on a machine that has nothing of the training any more (as was done once, with fewer
single things and with riders who could ride): `data`, then `scenes FOLDER --count 40000 --single 0.35 --vae OUT/vae`,
then `denoiser FOLDER --begin OUT --rate 0.5 --steps 2300`, then `export FOLDER OUT --vae OUT/vae --before 3500`.
"""
