//! A vendor who revokes by one request, or is told by one.

use reqwest::Client;

use super::{Bad, Good};

/// Only whether somebody answers there: the request itself is made with a leaked secret, and never otherwise.
pub(super) async fn ask(client: Client, origin: String) -> Result<Good, Bad> {
    match client.head(&origin).send().await {
        Ok(_) => Ok(Good { text: format!("{origin} answers"), ..Good::default() }),
        Err(error) => {
            let code = if error.is_timeout() { "timeout" } else { "unreachable" };
            Err(Bad { code, text: format!("{origin} cannot be reached") })
        }
    }
}
