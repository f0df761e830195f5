"""Recording: inputs, runs, the cursor, branches, and the comparison of two runs. It knows nothing of lessons or screens."""

from fwtutor.recording.compare import compare
from fwtutor.recording.cursor import Cursor, View
from fwtutor.recording.run import Run
from fwtutor.recording.scenario import Input, Scenario, Scripted
from fwtutor.recording.session import Session

__all__ = ["Cursor", "Input", "Run", "Scenario", "Scripted", "Session", "View", "compare"]
