from testbed.run.api import Comparison as Comparison
from testbed.run.api import Run as Run
from testbed.run.api import Scenario as Scenario
from testbed.run.api import TestbedError as TestbedError
from testbed.run.api import compare as compare
from testbed.run.api import load_scenario as load_scenario
from testbed.run.api import read_run as read_run
from testbed.run.api import run_scenario as run_scenario
