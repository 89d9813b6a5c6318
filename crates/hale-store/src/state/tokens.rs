//! API tokens: their digests, never themselves.

use hale_model::Timestamp;
use hale_model::token::{TokenDigest, TokenView};
use rusqlite::params;

use super::{State, micros};
use crate::StoreError;

/// Tokens that are listed.
const TOKENS_MAX: u32 = 1_000;

impl State {
    /// Keeps a new token's digest.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn put_token(&self, token: &TokenView, digest: &TokenDigest) -> Result<(), StoreError> {
        let operation = "store a token";
        let sql = "INSERT INTO tokens VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
        let values = params![
            token.id,
            token.name,
            token.role.as_str(),
            digest.as_str(),
            micros(token.created_at),
            token.expires_at.map(micros),
            token.revoked_at.map(micros),
            self.json(operation, token)?,
        ];
        self.durably(|state| state.execute(operation, sql, values)).map(drop)
    }

    /// The token with this id and its digest.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn token(&self, id: &str) -> Result<Option<(TokenView, TokenDigest)>, StoreError> {
        let sql = "SELECT data, digest FROM tokens WHERE id = ?1";
        let found = self.rows("look for a token", sql, [id], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))
        })?;
        let Some((data, digest)) = found.into_iter().next() else { return Ok(None) };
        Ok(Some((self.parse("read a token", &data)?, TokenDigest::stored(digest))))
    }

    /// Tokens, newest first, those that are over included.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn tokens(&self) -> Result<Vec<TokenView>, StoreError> {
        self.records(
            "list tokens",
            "SELECT data FROM tokens ORDER BY created_at DESC, rowid DESC LIMIT ?1",
            [TOKENS_MAX],
        )
    }

    /// Ends every token of this name that has not been revoked, and says how many.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn revoke_token(&self, name: &str, now: Timestamp) -> Result<usize, StoreError> {
        let sql = "UPDATE tokens SET revoked_at = ?2, data = json_set(data, '$.revoked_at', ?3) \
                   WHERE name = ?1 AND revoked_at IS NULL";
        self.durably(|state| {
            state.execute("revoke a token", sql, params![name, micros(now), now.to_string()])
        })
    }
}
