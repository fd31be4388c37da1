"""A generative-AI playground: every step of a model is a snapshot that can be looked at, rewound, changed, replayed.

The house, from the roof down; a room knows the ones below it and nobody else:

    ui/          the page: controls made from settings, the run handler, views (.js, .css and a little Python each)
    __main__.py  the command line: one sub-command for each modality, and models
    modalities/  what can be made (text, code, pictures): settings in, events out
    trainings/   the runs of lessons that belong to a browser tab: held, rewound, asked, kept
    visits.py    what belongs to one browser tab: its runs, and the states they can go on from; bounded
    room.py      all runs under way, whoever began them, and the rules they share
    run.py       one run: a thread that drives a modality's generator, and what it has shown so far
    steps.py     the steps of a run, as JSON text
    manager/     ModelManager: the only way to a model; loads lazily, lends, evicts by bytes, takes turns at computing
    models/      one file for each family: where its weights come from, and the adapter that runs it
    decoding/    one loop for tokens; filters/ reshape the distribution, search/ chooses from it
    denoising/   one loop for pictures: from noise, step by step, with diffusers' schedulers
    lessons/     what there is to see in a training: its data, tokens, architecture, gradients and errors
    training/    lessons: one readable file for each architecture
    people.py    who a visitor is (own computer, teacher, guest), and how much a guest may have
    events/      the frozen snapshots that flow between the rooms
    panels.py    pictures that a training step carries
    json_text.py the JSON text that pages and files get
    fields.py    settings that describe themselves: page, command line and API are derived from them
    plugins.py   the file name is the registry: a new file in a room is found
    building.py  one network is built at a time, whoever builds it
    errors.py    the one error whose text a visitor sees

A way to read: follow one prompt through modalities/_tokens.py, models/_causal.py, decoding/one_row.py, run.py and
ui/views/theatre.js.
"""
