//! Base64url as RFC 7515, section 2, has it: no padding, no loose trailing bits, one way to write
//! each value.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// The bytes that a text stands for; `None` where it stands for none.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_one_way_to_write_a_value() {
        assert_eq!(decode("AQ").unwrap(), [1]);
        assert_eq!(decode("-_8").unwrap(), [0xfb, 0xff]);
        for other in ["AQ==", "AR", "AQ=", "+/8", "A", " AQ", "AQ\n", "A?Q", "AQ\0"] {
            assert_eq!(decode(other), None, "{other:?}");
        }
    }
}
