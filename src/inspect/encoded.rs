//! PEM, DER, OpenSSH keys and PKCS#12.

use super::{CertificateReport, Circumstances, Code, Holds, InspectError, KeyReport, or_nothing};
use crate::jose::PublicParams;
use crate::material::read::{
    FoundCertificate, FoundKey, FoundPublic, ReadError, Refused, private_contents, public_keys,
};
use crate::material::{Certificate, CheckError, PssOnly};

pub(super) fn keys(octets: &[u8], around: &Circumstances<'_>) -> Result<(&'static str, Vec<KeyReport>), InspectError> {
    let mut private = or_nothing(private_contents(octets, around.passphrase))?;
    let mut public = or_nothing(public_keys(octets))?;
    // Only a keystore has its certificates in DER.
    let is_trust_store = !private.certificates.is_empty();
    if private.keys.is_empty() && public.keys.is_empty() && private.certificates.is_empty() {
        let mut refused = private.refused.iter().chain(&public.refused);
        let first = refused.clone().next().ok_or(InspectError::Nothing)?;
        if !refused.any(was_understood) {
            return Err(InspectError::Part(first.clone()));
        }
    }
    let joined =
        |certificate: &Certificate| private.keys.iter().any(|found| found.certificate.as_ref() == Some(certificate));
    public.keys.retain(|found| !found.certificate.as_ref().is_some_and(joined));
    // What stands in PEM is found with its place by the reader of public keys.
    private
        .certificates
        .retain(|one| !public.keys.iter().any(|key| key.certificate.as_ref() == Some(&one.certificate)));

    let has_certificate = private.keys.iter().any(|found| found.certificate.is_some());
    let matches =
        |params: &PublicParams, is_certificate: bool| match private.keys.iter().any(|key| key.key.matches(params)) {
            true => Some(true),
            // Beside a key and its certificate stand the certificates of those who signed it.
            false if private.keys.is_empty() || (is_certificate && has_certificate) => None,
            false => Some(false),
        };
    let mut keys: Vec<KeyReport> = private.keys.iter().map(of_private).collect();
    keys.extend(private.refused.iter().map(|refused| of_refused(refused, Holds::Private)));
    keys.extend(
        public
            .keys
            .iter()
            .map(|found| with_halves(of_public(found), matches(&found.params, found.certificate.is_some()))),
    );
    keys.extend(public.refused.iter().map(|refused| of_refused(refused, Holds::Public)));
    keys.extend(private.certificates.iter().map(|found| {
        let halves = found.certificate.public().ok().and_then(|params| matches(&params, true));
        with_halves(of_certificate(found), halves)
    }));
    Ok((format(octets, &keys, is_trust_store), keys))
}

/// Whether the key could be looked at, and is no good, rather than not be opened at all.
fn was_understood(refused: &Refused) -> bool {
    matches!(refused.error, ReadError::Check(_))
}

fn format(octets: &[u8], keys: &[KeyReport], is_trust_store: bool) -> &'static str {
    match octets {
        [0x30, ..] if is_trust_store || keys.iter().any(|key| key.format == "PKCS#12") => "PKCS#12",
        [0x30, ..] => "DER",
        _ if keys.iter().all(|key| key.format == "OpenSSH" && key.holds == Holds::Public) => "OpenSSH",
        _ => "PEM",
    }
}

fn of_private(found: &FoundKey) -> KeyReport {
    let FoundKey { key, name, alg: _, usage: _, pss_only, certificate, place, format } = found;
    let mut report = KeyReport::new(place.clone(), name.clone(), format, Holds::Private);
    report = match key.public() {
        Some(public) => report.with_public(public),
        None => report.with_spec(key.spec()),
    };
    report.halves_match = Some(true);
    report.restriction = pss_only.map(restriction);
    report.certificate = certificate.as_ref().map(CertificateReport::of);
    report
}

fn of_public(found: &FoundPublic) -> KeyReport {
    let FoundPublic { params, name, certificate, place, format, pss_only, .. } = found;
    let mut report = KeyReport::new(place.clone(), name.clone(), format, Holds::Public).with_public(params);
    report.restriction = pss_only.map(restriction);
    report.certificate = certificate.as_ref().map(CertificateReport::of);
    report
}

fn restriction(pss_only: PssOnly) -> String {
    format!("{pss_only} alone (id-RSASSA-PSS, RFC 4055)")
}

fn of_certificate(found: &FoundCertificate) -> KeyReport {
    let FoundCertificate { certificate, name, place } = found;
    let mut report = KeyReport::new(place.clone(), name.clone(), "X.509", Holds::Public);
    report.restriction = certificate.pss_only().map(restriction);
    match certificate.public() {
        Ok(params) => report = report.with_public(&params),
        Err(error) => report.refuse(&error),
    }
    report.certificate = Some(CertificateReport::of(certificate));
    report
}

fn of_refused(refused: &Refused, holds: Holds) -> KeyReport {
    let mut report = KeyReport::new(refused.place.clone(), refused.name.clone(), refused.format, holds);
    report.locked = refused.error == ReadError::PassphraseMissing;
    match &refused.error {
        ReadError::Check(CheckError::Disagree) => {
            report.halves_match = Some(false);
            report.problem = Some(refused.error.to_string());
            report.warn(Code::HalvesDiffer, refused.error.to_string());
        }
        ReadError::Check(CheckError::Params(crate::jose::ParamsError::ModulusSize { bits })) => {
            report.kty = Some("RSA".to_owned());
            report.bits = Some(*bits);
            report.refuse(&refused.error);
        }
        error => report.refuse(error),
    }
    report
}

fn with_halves(mut report: KeyReport, halves_match: Option<bool>) -> KeyReport {
    report.halves_match = halves_match;
    if halves_match == Some(false) {
        report.warn(Code::HalvesDiffer, "it belongs to none of the private keys of this file: put each beside its own");
    }
    report
}
