"""The commands of `splat`, one module each; this table is all that `splat --help` needs."""

SUMMARIES = {
    "train": "photos in, a scene and its metrics out",
    "clean": "weather out of the photos: restored images, lens masks",
    "evaluate": "PSNR, SSIM, LPIPS and FLIP of a run under a named protocol",
    "distill": "what a teacher knows about the photos, onto the Gaussians",
    "query": "find what a text names, in 3D and in the views",
    "view": "a scene in the browser: walk, ask, select, edit, clean up",
    "render": "pictures and a video of a scene along a camera path",
    "export": "a run or scene file in another format",
    "convert": "scene files into another format, several into one",
    "align": "scale, up and origin: by GPS, points, a length, another run",
    "edit": "remove, recolor, move, ... what is selected; undo it",
    "weather": "rain, snow or fog in a finished scene: pictures, video, scene",
    "compare": "two or more runs side by side",
    "info": "what is in a run, a scene file or a capture",
    "doctor": "what works on this machine, and how to fix the rest",
    "demo": "copy the demo capture, to try everything on",
}
