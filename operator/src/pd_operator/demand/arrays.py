"""The array type of all series and distributions."""

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
