from testbed.experiments.api import Comparison as Comparison
from testbed.experiments.api import Run as Run
from testbed.experiments.api import Scenario as Scenario
from testbed.experiments.api import TestbedError as TestbedError
from testbed.experiments.api import compare as compare
from testbed.experiments.api import load_scenario as load_scenario
from testbed.experiments.api import read_run as read_run
from testbed.experiments.api import run_scenario as run_scenario
