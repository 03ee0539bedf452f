"""Near-duplicate search, exact by definition: pairs, clusters, and the normal form that texts are compared in.

search.py is the face; ratio.py and jaccard.py hold the definitions and the proofs, *_numba.py and *_numpy.py the work.
Needs numpy; numba (the extra `fast`) makes it fast and changes no result.
"""
