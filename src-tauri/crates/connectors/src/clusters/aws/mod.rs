//! What every service of AWS needs: credentials, found as AWS's own tools find them, over the HTTP client of the rest.
//!
//! `aws-config` and `aws-sigv4` without their HTTP client: 23 crates more in the lockfile, all of which a client of
//! Kinesis brings too. `aws-msk-iam-sasl-signer` 1.0 was weighed: 46, among them rustls, ring and the C build of aws-lc
//! beside the OpenSSL that is linked anyway; and it takes the time from the machine, so that no known answer can be
//! checked. Profiles that log in through a browser (the features `sso` and `credentials-login`) would be three and 21
//! more: the AWS CLI is asked instead, which people with such profiles have for that login.

mod credentials;
mod http;

pub(crate) use credentials::find;
