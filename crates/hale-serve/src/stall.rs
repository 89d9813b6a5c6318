//! A connection whose other end does not read is cut off: what was sent must be taken within a time, or
//! the connection is dead. That bounds what a slow reader costs, whatever it was answered.

use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

/// Seconds in which the other end must take at least a byte of what waits for it.
const LIMIT_STALL_SECS: u64 = 30;

/// Passes everything on, and watches that writing goes on.
pub(crate) struct NoStall<Io> {
    io: Io,
    limit: Duration,
    /// Runs while a write waits.
    deadline: Pin<Box<Sleep>>,
    is_waiting: bool,
}

impl<Io> NoStall<Io> {
    pub(crate) fn new(io: Io) -> Self {
        Self::within(io, Duration::from_secs(LIMIT_STALL_SECS))
    }

    fn within(io: Io, limit: Duration) -> Self {
        let deadline = Box::pin(tokio::time::sleep(Duration::ZERO));
        NoStall { io, limit, deadline, is_waiting: false }
    }

    fn watch<T>(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.is_waiting = false;
            return written;
        }
        if !self.is_waiting {
            self.is_waiting = true;
            let end = Instant::now() + self.limit;
            self.deadline.as_mut().reset(end);
        }
        if self.deadline.as_mut().poll(context).is_ready() {
            let late = format!("nothing was read for {} s", self.limit.as_secs());
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, late)));
        }
        Poll::Pending
    }
}

impl<Io: AsyncRead + Unpin> AsyncRead for NoStall<Io> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(context, buffer)
    }
}

impl<Io: AsyncWrite + Unpin> AsyncWrite for NoStall<Io> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write(context, bytes);
        self.watch(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write_vectored(context, bytes);
        self.watch(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.io).poll_flush(context);
        self.watch(context, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut = Pin::new(&mut self.io).poll_shutdown(context);
        self.watch(context, shut)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    #[tokio::test]
    async fn who_does_not_read_is_cut_off_and_who_reads_slowly_is_not() {
        let (near, mut far) = tokio::io::duplex(8);
        let mut near = NoStall::within(near, Duration::from_secs(1));
        let reading = tokio::spawn(async move {
            let mut bytes = [0; 8];
            for _ in 0..20 {
                tokio::time::sleep(Duration::from_millis(20)).await;
                far.read_exact(&mut bytes).await.unwrap();
            }
            far
        });
        near.write_all(&[0; 160]).await.unwrap();
        let _far = reading.await.unwrap();
        let error = near.write_all(&[0; 160]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }
}
