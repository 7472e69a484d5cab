"""Policy as code: acknowledgements of other packs' findings, and `IrisChecks`, the rules no pack has."""
