"""From logits to text: `loop` runs it, `filters` reshape the distribution, `search` chooses.

`plan` says what a run needs, `snapshot` what a step shows, `ends` when it is over and which text may
already be shown, `randomness` which number chose, `kept` what a run can go on from. `pipeline.js`
and the filters' `.js` twins do the same arithmetic in the browser, from the snapshot alone.
"""
