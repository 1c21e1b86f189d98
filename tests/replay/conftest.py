from tests.simulation.conftest import each_table_is_computed_once  # noqa: F401
