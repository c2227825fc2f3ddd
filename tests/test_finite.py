import numpy as np
import pytest

from pace.finite import bad_rows, check_finite


@pytest.mark.parametrize("shape", [(4,), (4, 3), (4, 3, 2)])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_rows_with_nan_or_infinity_are_counted(shape, dtype):
    values = np.ones(shape, dtype)
    assert bad_rows(values) == bad_rows(values[:0]) == 0
    values[1], values[3] = np.nan, -np.inf
    assert bad_rows(values) == 2
    with pytest.raises(ValueError, match=r"a\.npz: frames: NaN or infinity in 2 of 4; make it again"):
        check_finite(values, "a.npz: frames", "make it again")
    check_finite(values[::2], "a.npz", "")
    assert bad_rows(np.arange(4)) == 0
