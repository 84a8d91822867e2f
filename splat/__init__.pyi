"""What type checkers know of `import splat`: the functions of `splat.api`, also where a package has the same name."""

from splat.api import align as align
from splat.api import distill as distill
from splat.api import edit as edit
from splat.api import evaluate as evaluate
from splat.api import export as export
from splat.api import load_capture as load_capture
from splat.api import load_scene as load_scene
from splat.api import open_run as open_run
from splat.api import query as query
from splat.api import rasterize as rasterize
from splat.api import train as train

__version__: str
