"""Model checking of worlds: what can happen in a world, found before a player does.

``control_graph`` cuts a world into locations, ``liveness`` finds which fields of a state still matter at each, and
``state_layout`` and ``state_codec`` pack these into one whole number. ``pass_table`` knows what the passes say, measured by
``pass_batches`` and stored by ``table_file``; ``nondeterministic_pass`` stands in where nothing is measured. ``transitions``
computes what a choice makes of a packed state, and ``explorer`` searches the states. ``text_coverage`` lists the alternatives
of texts, ``witness`` follows concrete runs, and ``random_player`` makes them. ``verify`` runs it all, ``findings`` and
``livelocks`` judge the result, ``report`` sums it up and ``check_cache`` stores it. ``simulation`` counts random runs.
"""
