"""How good a scene is: metrics, named protocols, evaluation of runs, the report and the comparison of runs."""
