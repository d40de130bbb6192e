//! A gateway that is only asked how it is: no token is read, and none is shown.

use std::time::Duration;

use portcullis_base::http::{ClientOptions, client};
use portcullis_base::secret::SecretString;

use super::Remote;
use super::place::{self, Listener, Place};
use super::way::Way;
use crate::cli::HealthArgs;
use crate::config::{self, Environment};
use crate::error::StartError;

/// Whoever watches kills the question soon after: it has to be told why before that.
const TIMEOUT: Duration = Duration::from_secs(4);

impl Remote {
    /// The public listener that the arguments name. Calls nobody yet. What the configuration warns of is for who
    /// serves: this is asked every few seconds.
    pub(in crate::commands) fn without_token(
        args: &HealthArgs,
        environment: &Environment,
    ) -> Result<Self, StartError> {
        let (way, config) = if let Some(url) = &args.url {
            (Way::to(place::checked(url)?), None)
        } else {
            let reading = config::read(&args.sources.sources(environment));
            let config = reading.config.map_err(StartError::Config)?;
            (Way::configured(Listener::Public, &config.server)?, Some(config))
        };
        let (private_ca, ca_pem) = place::private_ca(config);
        let options = ClientOptions {
            timeout: TIMEOUT,
            connect_timeout: TIMEOUT,
            proxy: None,
            ..way.options(ca_pem)
        };
        let http = client(&options).map_err(|error| StartError::new("http-client", error))?;
        let (token, origin) = (SecretString::from(String::new()), String::new());
        let place = Place { url: way.url, listener: Listener::Public, token, origin, private_ca };
        Ok(Self { http, place })
    }
}
