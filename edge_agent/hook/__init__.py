"""A user's own Python, called for every frame and every tracklet of a box, in a process of its own.

`SeenFrame` and `common.tracklet.Tracklet` are what its functions `on_frame` and `on_tracklet` get; see docs/hook.md.
"""

from edge_agent.hook.seen_frame import SeenFrame
from edge_agent.hook.settings import HookSettings

__all__ = ["HookSettings", "SeenFrame"]
