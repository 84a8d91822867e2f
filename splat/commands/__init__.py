"""The commands of `splat`, one module each; this table is all that `splat --help` needs."""

SUMMARIES = {
    "export": "a run or scene file in another format",
    "info": "what is in a run, a scene file or a capture",
    "doctor": "what works on this machine, and how to mend the rest",
    "demo": "copy the demo capture, to try everything on",
}
