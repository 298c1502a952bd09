"""The fixtures of the scenarios, for faults too."""
import importlib.util
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
spec = importlib.util.spec_from_file_location("scenario_fixtures", HERE.parent / "scenario" / "conftest.py")
scenario = importlib.util.module_from_spec(spec)
spec.loader.exec_module(scenario)
shed_of, module_shed_of = scenario.shed_of, scenario.module_shed_of
pytest_runtest_makereport = scenario.pytest_runtest_makereport
pytest_collection_modifyitems = scenario.pytest_collection_modifyitems
