// The message store: append messages to topics, read them back by queue, die, open again and have
// everything.
//
//   auto store = weir::MessageStore::Open({.directory = "data/queue"});
//   if (!store.ok()) return store.status();
//   auto receipt = (*store)->Append({.topic = "orders", .tag = "NEW", .body = "buy 100"});
//   auto result = (*store)->Read("orders", receipt->queue_id, receipt->queue_offset);
//   for (const weir::MessageView& message : *result) Use(message.body());
//
// Promises (what an append survives stands at weir::Durability)
//  * One writer process per store, any number of reading processes of the same user. A second
//    writer is refused at once and told who holds the store.
//  * The library never aborts, exits, throws out of its API, installs a signal handler, logs, or
//    opens a socket. A store is always in one of the four states of weir::StoreState. An allocation
//    that fails is kUnavailable from the call, and the store goes on.
//  * Every read verifies the checksum of what it returns.
//  * A forked child gets kFailedPrecondition from every call of the parent's store, or what is
//    empty from those that return no status; it may destroy the object.
//
// Codes
//   kInvalidArgument     a name, size or option breaks a documented limit; nothing was done
//   kNotFound            the topic, queue or position does not exist; no store in the directory
//   kAlreadyExists       CreateTopic: there is one with another number of queues, or not compacted
//   kDeadlineExceeded    the timeout passed before anything was written
//   kResourceExhausted   no space on disk, or in the store's budget for what it must keep; nothing
//   was
//                        written; service returns when space does
//   kFailedPrecondition  closed, read-only, forked child, or called where it could never return
//   kUnavailable         another process has the store; or the machine is out of descriptors or of
//                        memory, and nothing was written
//   kOutOfRange          a position was dropped by retention
//   kDataLoss            damage, or an append that may be in the log but was never confirmed
//   kInternal            a promise of the library's own code was broken; the store is read-only
//
// All functions may be called from any thread, except the destructor and where it is said.

#ifndef WEIR_STORE_H_
#define WEIR_STORE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "weir/find.h"
#include "weir/hooks.h"
#include "weir/info.h"
#include "weir/message.h"
#include "weir/options.h"

namespace weir {

// A place reserved in the log to encode a message's body into. Until it is committed nothing
// behind it becomes durable: hold it for microseconds; one that is older than a second degrades the
// store. A thread that holds a claim must not wait for its store (kFailedPrecondition). Destruction
// without Commit() gives the place up: its offset becomes a void. So does the death of the process.
// Movable; used by one thread at a time, which holds it from its first look at body() on; must not
// outlive the store object. Closing the store does not wait for it: Close() fails then, and what is
// behind the claim stays in the front for the next open.
class MessageClaim {
 public:
  // Holds nothing.
  MessageClaim();
  // What is moved from holds nothing. Assignment gives up what was held before.
  MessageClaim(MessageClaim&&) noexcept;
  MessageClaim& operator=(MessageClaim&&) noexcept;
  ~MessageClaim();

  // The bytes to fill, as many as were asked for. Their content is arbitrary. Empty if nothing is
  // held: after Commit(), after a move, in a forked child.
  absl::Span<char> body() const;
  // Where the message will be, if it is committed. 0 if nothing was ever held.
  LogPosition position() const;
  QueueOffset queue_offset() const;

  // Publishes the first `bytes` of the body and ends the claim; the message then survives what
  // Receipt::reached says. Waits as Append() does for `options.durability`, with the same errors.
  // kInvalidArgument: more bytes than body().size(), and the claim stays. kFailedPrecondition:
  // nothing is held.
  absl::StatusOr<Receipt> Commit(size_t bytes, const AppendOptions& options = {});

  // For the library itself.
  struct Impl;
  explicit MessageClaim(std::unique_ptr<Impl> impl);

 private:
  std::unique_ptr<Impl> impl_;
};

class MessageStore final {
 public:
  // Opens the store in options.directory, recovers it if it was not closed, and creates it if it
  // is missing and options allow. Errors: kUnavailable (another writer: the text names its pid; no
  // descriptors, memory or threads left), kInvalidArgument (options; a directory that is not a
  // store; another format or byte order), kNotFound, kPermissionDenied, kFailedPrecondition (a
  // copied store with hard links), kResourceExhausted (a full disk), kDataLoss (strict_recovery; a
  // superblock that is gone). A failed open changes nothing that a later open needs, and who dies
  // inside an open leaves what the next one can go on with. Any thread; the directory is held until
  // Close(), against this process too.
  static absl::StatusOr<std::unique_ptr<MessageStore>> Open(const StoreOptions& options);

  // Closes the store if Close() did not. No other call may be running.
  ~MessageStore();
  MessageStore(const MessageStore&) = delete;
  MessageStore& operator=(const MessageStore&) = delete;

  // Writes and syncs everything, seals, and closes. Running calls of other threads end with
  // kFailedPrecondition. OK: everything survives power loss, the next open is clean, and the
  // directory is free. An error: of the last write or sync, or a claim is still held; then the
  // store stays as a dead process would leave it, its front waits for the next open, and the
  // directory is free when this object is gone. Everything acknowledged is there in either case.
  // The second call: kFailedPrecondition.
  absl::Status Close();

  // --- Topics

  // Creates a topic of 1 to kMaxQueuesPerTopic queues and returns when it survives what kDisk
  // survives. A topic that is there with the same number of queues: its handle; with another one:
  // kAlreadyExists. kInvalidArgument for a name that CheckTopicName() refuses; names are never used
  // as paths. Other errors as Append().
  absl::StatusOr<Topic> CreateTopic(absl::string_view name, uint32_t queue_count);
  // The same with all that may be said of a topic. Of one that is there only the number of queues
  // and whether it is compacted are compared (kAlreadyExists); AlterTopic() changes the rest.
  // kInvalidArgument: max_age is not positive.
  absl::StatusOr<Topic> CreateTopic(absl::string_view name, const TopicOptions& options);

  // Gives the topic other limits of age and bytes; queue_count and is_compacted are ignored. OK:
  // that survives what kDisk survives. kNotFound: there is no such topic. Other errors as Append()
  // after it has a place.
  absl::Status AlterTopic(TopicRef topic, const TopicOptions& options);

  // Deletes a topic with all its messages; its space follows with its segments. OK: it is gone, and
  // stays so after a power loss. Its handles are of no use any more (kNotFound; reads:
  // kNoSuchQueue). One of the same name may be created again, with any number of queues; these
  // begin behind all offsets that were ever given under the name. What is appended to it by others
  // meanwhile goes with it or is refused. Errors as AlterTopic().
  absl::Status DeleteTopic(TopicRef topic);

  // Messages of the queue below `first` are wanted no more: from now on they are below the queue's
  // first offset. At most all that were appended before the call. OK: that survives what kDisk
  // survives. Offsets are never given again. Lower than the queue's first: nothing happens. Of a
  // compacted topic the keys go, too, whose newest message is among them, carried ones as well.
  // Errors as AlterTopic(); kNotFound for the queue too.
  absl::Status PurgeQueue(TopicRef topic, uint32_t queue_id, QueueOffset first);
  // The same of all messages in all queues of the topic.
  absl::Status PurgeTopic(TopicRef topic);

  // The handle of a topic; kNotFound if there is none, whatever the name. Creates nothing.
  absl::StatusOr<Topic> FindTopic(absl::string_view name) const;

  // The handle of a topic; created with options.default_queue_count if it is missing and the
  // option allows, else kNotFound. Waits for no disk: a topic created so stands in the log before
  // its first message and survives whatever any message of it survives. Errors as CreateTopic(). In
  // a store that is open for reading this is FindTopic().
  absl::StatusOr<Topic> OpenTopic(absl::string_view name);

  // --- Append

  // Appends one message. What it survives then is in Receipt::reached, and weir::Durability says
  // what that means. If the timeout passes after the message has a place: OK, with a lower
  // `reached`; WaitFor() goes on waiting. Errors before it has a place, when nothing was written:
  // kInvalidArgument (a limit, a queue named twice, a handle of another store, a message of a
  // compacted topic without a key), kNotFound (queue;
  // topic, if none may be created), kDeadlineExceeded, kResourceExhausted (the disk is full; a new
  // key of a compacted topic is too much to keep, see TopicOptions::is_compacted),
  // kUnavailable (no memory), kFailedPrecondition. After it: kDataLoss (a write or sync failed for
  // good: the message may be in the log and will never be confirmed), kFailedPrecondition (closed
  // while waiting; this thread holds a claim). kInternal may come at
  // any time, and leaves open whether the message is there.
  absl::StatusOr<Receipt> Append(const Message& message, const AppendOptions& options = {});

  // Appends all or, whatever happens, none of the messages, over any mix of topics and queues. At
  // most half of the smaller of front and segment (of the front less two headers), else
  // kInvalidArgument, as for no message at all. Receipts in the order of the messages; all messages
  // have one store time, one end and one `reached`. Errors as above; a topic that did not exist is
  // created even if the batch then finds no room.
  absl::StatusOr<std::vector<Receipt>> Append(absl::Span<const Message> messages,
                                              const AppendOptions& options = {});

  // Appends without waiting for durability. An error returned (as Append(), before the message has
  // a place): nothing was written and `callback` is never called. Else it is called once, on a
  // worker or inside RunOnce() or Close() (or, of an append that another thread's Close() met, the
  // destructor), in the order of the log, with no lock of the store held, when options.durability
  // is reached or never will be. It may call the store; an append or a wait inside a callback never
  // waits. options.timeout bounds only the wait for room.
  absl::Status AppendAsync(const Message& message, const AppendOptions& options,
                           AppendCallback callback);

  // Reserves room for a message with a body of at most `body_bytes`, which the caller encodes in
  // place; message.body is ignored, and what the other parts point to may go when this returns.
  // Waits for room until `timeout` has passed (zero: try). Errors as Append() before the message
  // has a place; kFailedPrecondition, too, if it would have to wait while this thread holds another
  // claim.
  absl::StatusOr<MessageClaim> Claim(const Message& message, size_t body_bytes,
                                     absl::Duration timeout = absl::InfiniteDuration());

  // Waits until everything up to receipt.end is durable as asked. Returns the level reached, lower
  // than asked if `timeout` passed first (zero: how far is it?). kDataLoss: it never will be.
  // kFailedPrecondition: closed meanwhile, open for reading, or this thread holds a claim. The
  // receipt must be one of this store.
  absl::StatusOr<Durability> WaitFor(const Receipt& receipt, Durability durability,
                                     absl::Duration timeout = absl::InfiniteDuration());

  // Waits until everything appended before the call survives power loss. kDeadlineExceeded if not
  // in time (the text names a claim that is in the way), kResourceExhausted if the disk is full,
  // else as WaitFor().
  absl::Status Flush(absl::Duration timeout = absl::InfiniteDuration());

  // --- Read

  // Reads messages of one queue from `offset` on. Reading an unknown topic or queue is an outcome,
  // not an error, and creates nothing; it is not waited for. Errors: kInvalidArgument (tags,
  // max_messages, a handle of another store), kFailedPrecondition (closed, also while waiting), and
  // what the file system says. One call looks at a bounded number of entries: kNoMatch may come
  // although matching messages stand further behind.
  absl::StatusOr<ReadResult> Read(TopicRef topic, uint32_t queue_id, QueueOffset offset,
                                  const ReadOptions& options = {});

  // Reads a topic's messages of all queues in the order of the log, from `position` on (any
  // number: reading starts at the first message that begins there or behind it). A message in
  // several queues of the topic is seen once. At the end: kAtEnd, for a position beyond it too.
  // next_position() is where to go on; next_offset() means nothing. Errors as Read().
  absl::StatusOr<ReadResult> ReadTopic(TopicRef topic, LogPosition position,
                                       const ReadOptions& options = {});

  // Reads backwards: messages below `offset`, newest first. next_offset() is where to go on: the
  // offset of the last message given. At the first message of the queue: kAtEnd. Below it:
  // kOffsetTooSmall, next the queue's first offset. Above the queue's end: kBeyondEnd, next that
  // end. Unknown topic or queue id: kNoSuchQueue. options.wait is ignored. Errors as Read().
  absl::StatusOr<ReadResult> ReadBackwards(TopicRef topic, uint32_t queue_id, QueueOffset offset,
                                           const ReadOptions& options = {});

  // The last `count` messages of a queue, oldest first; fewer if there are not so many or damage
  // stands before them. next_offset() is the queue's end: Read() goes on there. kAtEnd if there is
  // none, kDamaged if the last one is, kNoSuchQueue for an unknown topic or queue id. Errors as
  // Read(); kInvalidArgument for a count of 0.
  absl::StatusOr<ReadResult> ReadLast(TopicRef topic, uint32_t queue_id, uint32_t count);

  // The message whose record begins at `position`, of whatever topic. kNotFound if none begins
  // there, kOutOfRange if the position was dropped or is beyond the end of what is visible (with
  // Visibility::kOnAppend: is not below the first unfinished append), kDataLoss if it is damaged.
  absl::StatusOr<ReadResult> ReadAt(LogPosition position);

  // Which offsets of a queue can be read now. kNotFound for an unknown topic or queue id.
  absl::StatusOr<QueueBounds> Bounds(TopicRef topic, uint32_t queue_id) const;

  // --- Consumer groups

  // The group goes on with `offset` in this queue: it wants the messages from there on. Returns
  // what that survives; less than asked if the time passed. kOutOfRange: the offset is behind the
  // end of what is visible. kFailedPrecondition: the group would go back, and may not.
  // kInvalidArgument: a group's name has 1 to kMaxGroupNameBytes bytes and no control character.
  // kNotFound: the topic or queue. Other errors as Append(). Nothing is committed after an error
  // that comes before a record has its place; after one that comes later it may be.
  absl::StatusOr<Durability> CommitOffset(absl::string_view group, TopicRef topic,
                                          uint32_t queue_id, QueueOffset offset,
                                          const CommitOptions& options = {});
  // What the group committed last. kNotFound: nothing, or there is no such topic or queue.
  absl::StatusOr<QueueOffset> CommittedOffset(absl::string_view group, TopicRef topic,
                                              uint32_t queue_id) const;

  // --- Retention

  // Applies a policy once, now, whatever the store's own one is, and by the wall clock as it
  // stands: what is dropped is what a host asked for. `dry_run`: only says what would go. Errors as
  // Flush(), and what the file system says.
  absl::StatusOr<RetentionReport> Retain(const Retention& policy, bool dry_run = false);

  // --- Find

  // Messages of a topic that have this key among theirs, by its bytes, in the order of the log or
  // backwards, a page at a time: no page leaves one out or gives one twice, whatever is appended
  // meanwhile. Complete up to the visible end at the call, for the log as a whole: behind an append
  // that is unfinished nothing is found yet. After a crash everything is found that can be read.
  // Memory: 8 bytes for each key of a segment that is not sealed (16 at times), and up to 64 MiB
  // for filters, 9 to 12 bits a key; StoreStats has both. The first search reads them from the
  // index files. Errors: kInvalidArgument (an empty key, or one that no message can have; options;
  // a handle of another store), kNotFound (topic), kFailedPrecondition (closed), and what the file
  // system says that may pass. Damage is in the result. A message goes from here with its segment,
  // also if it is carried on as the newest of its key: that finds Latest().
  absl::StatusOr<FindResult> FindByKey(TopicRef topic, absl::string_view key,
                                       const FindOptions& options = {});

  // The newest message of a key in a compacted topic: the one that was appended last of those whose
  // first key it is, by its bytes. Complete up to the visible end at the call, for the log as a
  // whole, as FindByKey() is; of appends that run at once that one is newer which got the later
  // place. The view shows the message as it was appended: position(), queue, offset and store time
  // stay when it is carried on, though its queue delivers it no more. outcome() is kFound.
  // kNotFound: no message of the key, its newest one has no body, has expired, or was purged; no
  // such topic. kDataLoss: its newest message is damaged. kInvalidArgument: the topic is not
  // compacted; a key that no message can have; a handle of another store. Other errors as
  // FindByKey().
  absl::StatusOr<ReadResult> Latest(TopicRef topic, absl::string_view key);
  // Of all keys, a page at a time, in the order of their bytes. Each key that has a newest message
  // all the time comes once; it is the newest of when its page is made, not of one moment for all.
  // Errors as Latest(); kInvalidArgument for a limit of 0. Damage is in the result.
  absl::StatusOr<LatestResult> ReadLatest(TopicRef topic, const LatestCursor& cursor = {},
                                          const LatestOptions& options = {});

  // The id of the message whose record begins at `position`, that of a receipt or of a message that
  // was read; it need not be visible yet. kNotFound if none begins there, kOutOfRange if it was
  // dropped, and is not carried on as the newest of a key.
  absl::StatusOr<MessageId> IdOf(LogPosition position);

  // The message with this id, wherever the store keeps it, the newest of a key in its copy when its
  // segment is gone; one look-up of its place. As ReadAt():
  // next_offset() is that behind it in its first queue. kDataLoss: a power loss took it, or it is
  // damaged, as the text says. kOutOfRange: it was dropped, or is not visible yet. kNotFound: it
  // was given up, or no message ever had this id. kInvalidArgument: the id is of another store.
  absl::StatusOr<ReadResult> FindById(const MessageId& id);

  // The offset of a queue that belongs to a time; see Boundary. Exact, also among messages of one
  // time: their order is that of the log, whose times never go back. In [first, end] of Bounds().
  // Reads index files and at most some 64 KiB of the log, however long the queue is. kNotFound for
  // an unknown topic or queue id; kDataLoss if an index file is damaged and its segment is, too.
  absl::StatusOr<QueueOffset> OffsetForTime(TopicRef topic, uint32_t queue_id, absl::Time time,
                                            Boundary boundary);
  // The position of the log's first message that is not older: ReadTopic() reads from there. The
  // end of what is visible if all are older. Errors as above.
  absl::StatusOr<LogPosition> PositionForTime(absl::Time time);

  // Store times of the first and the last message of a queue, or of the store. kNotFound if there
  // is no message, too.
  absl::StatusOr<TimeBounds> BoundsInTime(TopicRef topic, uint32_t queue_id);
  absl::StatusOr<TimeBounds> BoundsInTime();

  // --- Work and state

  // Does a bounded piece of each background job. Returns how long the host may wait before it
  // calls again: zero means that there is more to do now. With Background::kThreads it may be
  // called too and helps. In a store that is open for reading it looks for what is new, as every
  // read does. Infinite after Close(). Any number of threads; each piece is done by one.
  absl::Duration RunOnce();

  // The state now. kClosed after Close() and in a forked child.
  StoreState state() const;
  // The counters now; after Close(), as they were then.
  StoreStats Stats() const;
  // A description of the store as it is now, its directory read for it: not for hot paths. After
  // Close(), what is known. Lists and texts that there is no memory for are empty, or short.
  StoreInfo Info() const;
  // What Open() found. Never changes in a writer; in a store that is open for reading it is written
  // anew when a writer dies or appears, so look at it before other threads read. Lives as long as
  // the store object.
  const RecoveryReport& recovery() const;

  // Reads and checks every record and every index file, as they are now; appends and reads go on
  // meanwhile. Findings are not errors; an error is that it could not look (kFailedPrecondition,
  // what the file system says).
  absl::StatusOr<VerifyReport> Verify();

  // Makes a copy of the store in `directory`, which must be empty or missing, while appends and
  // reads go on: a store of its own that holds everything that was visible when this was called,
  // and that opens as if it had been closed there. It survives power loss when this returns. What
  // is whole is linked where the file system can do that, and so takes no space until it is dropped
  // on either side; the rest is copied. Opening, writing or removing one of the two never touches
  // the other, but damage to a linked file is damage to both. Also in a store that is open for
  // reading. kAlreadyExists: there is something in the directory. kInvalidArgument: it lies in the
  // store. kUnavailable: segments were dropped faster than they were linked. After an error the
  // directory is empty.
  absl::StatusOr<SnapshotReport> Snapshot(const std::string& directory);

  // Up to `max` records from `position` on (the first one that begins there or behind it), up to
  // the end of what is visible. Empty at the end. Dropped positions are stepped over. Errors as
  // Verify().
  absl::StatusOr<std::vector<RecordInfo>> Dump(LogPosition position, size_t max);

  // For the library itself.
  struct Impl;
  explicit MessageStore(std::unique_ptr<Impl> impl);

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace weir

#endif  // WEIR_STORE_H_
