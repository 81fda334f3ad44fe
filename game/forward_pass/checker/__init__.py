"""The walk: everything that can happen in a world, found out before a player does.

``fields`` says what a condition reads and packs what is read into one number; ``slices`` finds what still matters where;
``decodings`` knows what the pass says; ``control`` walks; ``variants`` and ``witness`` are about text and concrete runs;
``findings`` turns what was met into problems; ``proof`` puts it together; ``report`` adds it up, and
``kept`` keeps it; ``players`` walks at random.
"""
