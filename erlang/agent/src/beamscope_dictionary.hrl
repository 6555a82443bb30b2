%% What other processes keep under one key of their dictionaries. Each module has a copy of its own: nothing else of ours is
%% on a node that interprets one. To be included behind beamscope_copied.hrl and beamscope_apart.hrl, in front of the
%% first function.

-compile({nowarn_unused_function, [{dictionary_entry, 3}]}).

%% Messages up to which a process is asked how large its heap is, since that walks its queue.
-define(DICTIONARY_QUEUE, 10000).
%% How many whole dictionaries are read at once; milliseconds that whoever reads them may take, and which part of the time
%% that is left: one that is too large leaves enough to the others.
-define(DICTIONARIES, 100).
-define(DICTIONARY_MILLIS, 1000).
-define(DICTIONARY_SHARE, 3).
%% Bytes in external format of what is taken out of one: what OTP keeps there is smaller.
-define(ENTRY_BYTES, 30000).

%% The value, of what `proc_lib' keeps there; `undefined' where there is none, or no such process; `unread' where it cannot be
%% had at no great cost, `late' where it was not to be had before the time, by the node's monotonic clock in milliseconds.
dictionary_entry(Key, Pid, Until) -> hd(dictionary_entries(Key, [Pid], Until)).

%% The same of many, in their order. From OTP 26.2 on one key is read alone. Before, whole dictionaries are, by the rule of
%% beamscope_copied.hrl, and not by us: one that is too much costs its own value.
dictionary_entries(_, [], _) ->
    [];
dictionary_entries(Key, Pids, Until) ->
    try
        [entry(erlang:process_info(Pid, {dictionary, Key})) || Pid <- Pids]
    catch
        error:badarg ->
            {Some, Rest} = lists:split(min(?DICTIONARIES, length(Pids)), Pids),
            Others = maps:from_list([{Pid, gone} || Pid <- Some -- started(Some)]),
            Sized = [{Pid, size_of(Pid, Others)} || Pid <- Some],
            Read = maps:from_list(copied_entries(Key, [Pid || {Pid, true} <- Sized], Until)),
            Values = [maps:get(Pid, Read, hd([undefined || Is =:= gone] ++ [unread])) || {Pid, Is} <- Sized],
            Values ++ dictionary_entries(Key, Rest, Until)
    end.

entry({_, Value}) -> little(Value);
entry(undefined) -> undefined.

little(Value) ->
    case erlang:external_size(Value) =< ?ENTRY_BYTES of
        true -> Value;
        false -> unread
    end.

size_of(Pid, Others) when is_map_key(Pid, Others) -> gone;
size_of(Pid, _) -> is_small(Pid, [{message_queue_len, ?DICTIONARY_QUEUE}, {total_heap_size, ?COPIED_HEAP}]).

%% Whether no item of a process is more than what is said, looked at one after the other.
is_small(_, []) ->
    true;
is_small(Pid, [{Item, Most} | Rest]) ->
    case erlang:process_info(Pid, Item) of
        {_, Value} when Value =< Most -> is_small(Pid, Rest);
        undefined -> gone;
        _ -> false
    end.

%% Of all together, and where that fails one by one.
copied_entries(_, [], _) ->
    [];
copied_entries(Key, [Pid | Rest] = Pids, Until) ->
    Left = Until - erlang:monotonic_time(millisecond),
    Millis = min(?DICTIONARY_MILLIS, 1 + Left div ?DICTIONARY_SHARE),
    Ask = fun() -> [{One, small_entry(Key, One)} || One <- Pids] end,
    Outcome =
        case Rest of
            _ when Left =< 0 -> false;
            [] -> apart_of(Pid, ?COPIES, Millis, Ask);
            _ -> apart(?COPIES, Millis, Ask)
        end,
    case {Outcome, Rest} of
        {{answer, Entries}, _} -> Entries;
        {false, _} -> [{One, late} || One <- Pids];
        {late, []} -> [{Pid, late}];
        {_, []} -> [{Pid, unread}];
        _ -> lists:append([copied_entries(Key, [One], Until) || One <- Pids])
    end.

small_entry(Key, Pid) -> hd([little(Value) || [Value] <- copied_values([Key], Pid)] ++ [undefined]).
