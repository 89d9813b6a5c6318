//! Encryption towards other machines: the certificate that was given, or one that hale makes for itself
//! and keeps.

use std::io;
use std::net::IpAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

/// Certificates in one chain.
const CHAIN_MAX: usize = 16;
/// Bytes of a file with certificates or a key.
const LIMIT_FILE_BYTES: u64 = 1 << 20;
/// Names of hale's own files.
const OWN_CERTIFICATE: &str = "tls.crt";
const OWN_KEY: &str = "tls.key";

/// Why there is no encryption.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("cannot read {path}")]
    Read {
        /// Which.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// A file cannot be written.
    #[error("cannot write {path}")]
    Write {
        /// Which.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// A file holds something else.
    #[error("{path} holds no {what} in PEM form")]
    Content {
        /// Which.
        path: PathBuf,
        /// What was looked for.
        what: &'static str,
    },
    /// Certificate and key do not fit.
    #[error("the certificate {certificate} and the key {key} cannot be used together")]
    Unfit {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// Why not.
        #[source]
        source: rustls::Error,
    },
    /// hale's own certificate cannot be made.
    #[error("a certificate cannot be made")]
    Make(#[source] rcgen::Error),
}

/// How hale shows other machines that it is itself.
#[derive(Clone)]
pub struct Identity {
    pub(crate) acceptor: TlsAcceptor,
    /// SHA-256 of the certificate, as browsers show it.
    pub fingerprint: String,
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Identity").field("fingerprint", &self.fingerprint).finish_non_exhaustive()
    }
}

impl Identity {
    /// From PEM files.
    ///
    /// # Errors
    /// They cannot be read, or do not fit together.
    pub fn read(certificate: &Path, key: &Path) -> Result<Identity, TlsError> {
        let content = |path: &Path, what| TlsError::Content { path: path.to_owned(), what };
        let chain: Vec<CertificateDer<'static>> =
            CertificateDer::pem_slice_iter(&read(certificate)?)
                .take(CHAIN_MAX)
                .collect::<Result<_, _>>()
                .map_err(|_| content(certificate, "certificate"))?;
        let Some(first) = chain.first() else {
            return Err(content(certificate, "certificate"));
        };
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, first);
        let fingerprint =
            digest.as_ref().iter().map(|b| format!("{b:02X}")).collect::<Vec<_>>().join(":");
        let private =
            PrivateKeyDer::from_pem_slice(&read(key)?).map_err(|_| content(key, "private key"))?;
        let unfit = |source| TlsError::Unfit {
            certificate: certificate.to_owned(),
            key: key.to_owned(),
            source,
        };
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(unfit)?
            .with_no_client_auth()
            .with_single_cert(chain, private)
            .map_err(unfit)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Identity { acceptor: TlsAcceptor::from(Arc::new(config)), fingerprint })
    }

    /// hale's own, kept in this directory: made the first time, for these names and addresses.
    ///
    /// # Errors
    /// It cannot be made, kept or read.
    pub fn own(
        directory: &Path,
        names: &[String],
        addresses: &[IpAddr],
    ) -> Result<Identity, TlsError> {
        let (certificate, key) = (directory.join(OWN_CERTIFICATE), directory.join(OWN_KEY));
        if !certificate.exists() || !key.exists() {
            make(&certificate, &key, names, addresses)?;
        }
        Identity::read(&certificate, &key)
    }
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    let failed = |source| TlsError::Read { path: path.to_owned(), source };
    let size = std::fs::metadata(path).map_err(failed)?.len();
    if size > LIMIT_FILE_BYTES {
        let source = io::Error::other(format!("it has {size} bytes; {LIMIT_FILE_BYTES} at most"));
        return Err(failed(source));
    }
    std::fs::read(path).map_err(failed)
}

fn make(
    certificate: &Path,
    key: &Path,
    names: &[String],
    addresses: &[IpAddr],
) -> Result<(), TlsError> {
    let mut all: Vec<String> = vec!["localhost".to_owned()];
    all.extend(names.iter().cloned());
    all.extend(addresses.iter().map(ToString::to_string));
    let mut parameters = CertificateParams::new(all).map_err(TlsError::Make)?;
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, "hale");
    parameters.distinguished_name = name;
    let pair = KeyPair::generate().map_err(TlsError::Make)?;
    let made = parameters.self_signed(&pair).map_err(TlsError::Make)?;
    // The key first: a certificate without its key would be made anew.
    write(key, &pair.serialize_pem())?;
    write(certificate, &made.pem())
}

fn write(path: &Path, text: &str) -> Result<(), TlsError> {
    use std::io::Write as _;
    let failed = |source| TlsError::Write { path: path.to_owned(), source };
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .map_err(failed)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)
}
