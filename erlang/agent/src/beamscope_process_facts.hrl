%% What very many processes are asked at no great cost. To be included behind beamscope_cut.hrl, in front of the first
%% function.
%%
%% The items `memory' and `total_heap_size' walk the message queue of the process that they are asked of (9 to 18
%% milliseconds for a million messages), so they are read only right after its queue was seen to be short. A whole
%% dictionary is read only where the release cannot read one key of it (before 26.2). That copies the dictionary and
%% nothing else of the heap, but the dictionary may be all of the heap: so it is read here only when that is small, else
%% by a process of its own, which its heap limit ends in place of the answer, and not at all when it is large. The copy may
%% be larger than the heap: what is shared there gets one for each reference, and it is made in full before anybody's limit
%% counts. A dictionary on 4 MB took 10 GB, and the node with it.

%% Words of heap up to which a whole dictionary is read here.
-define(SMALL_HEAP, 10000).
%% Words of heap up to which it is read by a reader. Plain sharing, where half of the heap is referred to from all of the
%% other half, makes some 540 MB of it at worst.
-define(LARGE_HEAP, 16384).
%% Milliseconds for which the dictionaries on large heaps of a chunk of processes are read.
-define(LARGE_MILLIS, 200).
%% Words of heap up to which a label is read, and of the heaps together whose labels are read at once: a label may be all
%% of the heap that it lies on, and is copied by the same rule. But it is made to be read, and small; and the processes
%% with large heaps are those about which one asks.
-define(LABEL_HEAP, 131072).
-define(LABEL_HEAPS, 250000).
%% Bytes of external format above which a label is cut.
-define(SMALL_LABEL, 256).

%% Puts one question to many processes, with list BIFs throughout.
ask(Pids, {Question, Answers}) ->
    Facts = lists:zipwith(fun erlang:process_info/2, Pids, lists:duplicate(length(Pids), Question)),
    ets:match_spec_run(lists:zip(Pids, Facts), Answers).

fact(Pid, Item) ->
    case erlang:process_info(Pid, Item) of
        {_, Value} -> Value;
        undefined -> undefined
    end.

%% Pids, and `large' for each whose value is greater, `gone' for each that has ended.
at_most(Item, Most) ->
    Answers = [
        {{'$1', {Item, '$2'}}, [{'=<', '$2', Most}], ['$1']}, {{'_', undefined}, [], [gone]}, {'_', [], [large]}
    ],
    {Item, ets:match_spec_compile(Answers)}.

at_least(Item, Least) ->
    Answers = [{{'$1', {Item, '$2'}}, [{'>=', '$2', Least}], ['$1']}, {{'_', undefined}, [], [gone]}],
    {Item, ets:match_spec_compile(Answers)}.

%% Whether this release can read one key of a dictionary (OTP 26.2 on).
reads_keys() ->
    try erlang:process_info(self(), {dictionary, '$initial_call'}) of
        _ -> true
    catch
        error:badarg -> false
    end.

%% What processes with short queues say in their dictionaries to be, `undefined' where they do not say, for each whose
%% heap is not too large.
callbacks(Pids) ->
    Small = [Pid || Pid <- ask(Pids, at_most(total_heap_size, ?SMALL_HEAP)), is_pid(Pid)],
    Large = [Pid || Pid <- ask(Pids -- Small, at_most(total_heap_size, ?LARGE_HEAP)), is_pid(Pid)],
    [{Pid, Call} || Pid <- Small, Call <- callback(fact(Pid, dictionary))] ++
        large_callbacks(Large, erlang:monotonic_time(millisecond) + ?LARGE_MILLIS).

large_callbacks([], _) ->
    [];
large_callbacks([Pid | Rest], Until) ->
    Calls = [{Pid, Call} || Call <- read_callback(Pid)],
    case erlang:monotonic_time(millisecond) < Until of
        true -> Calls ++ large_callbacks(Rest, Until);
        false -> Calls
    end.

%% What a process says to be, in a list of one, as read by another one. It exits with it, which is logged nowhere.
read_callback(Pid) ->
    Read = fun() ->
        case erlang:process_info(Pid, dictionary) of
            {_, Entries} -> exit({callback, callback(Entries)});
            undefined -> exit({callback, []})
        end
    end,
    Limit = #{size => 4 * ?LARGE_HEAP, kill => true, error_logger => false},
    {Reader, Monitor} = spawn_opt(Read, [monitor, {priority, low}, {max_heap_size, Limit}]),
    receive
        {'DOWN', Monitor, process, Reader, {callback, Calls}} -> Calls;
        {'DOWN', Monitor, process, Reader, _} -> []
    end.

callback(Entries) when is_list(Entries) -> [proplists:get_value('$initial_call', Entries)];
callback(_) -> [].
