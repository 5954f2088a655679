//! What a spec may say, and the sentence that refuses it.
