%% What another process keeps under one key of its dictionary. Each module has a copy of its own: nothing else of ours is
%% on a node that interprets one. To be included behind the types and in front of the first function.

-compile({nowarn_unused_function, [{dictionary_entry, 2}]}).

%% Messages up to which a process is asked how large its heap is, since that walks its queue.
-define(DICTIONARY_QUEUE, 10000).
%% Words of heap up to which a whole dictionary is read, unless the module that includes this says otherwise.
-ifndef(DICTIONARY_WORDS).
-define(DICTIONARY_WORDS, 10000).
-endif.

%% The value; `undefined' where there is none, or no such process; `unread' where it cannot be had at no great cost.
%% From OTP 26.2 on one key is read alone. Before, the whole dictionary is: it lies on the heap of its process, so a
%% small heap makes a small copy, but for literals in it.
dictionary_entry(Key, Pid) ->
    try erlang:process_info(Pid, {dictionary, Key}) of
        {_, Value} -> Value;
        undefined -> undefined
    catch
        error:badarg ->
            case erlang:process_info(Pid, message_queue_len) of
                {_, Messages} when Messages =< ?DICTIONARY_QUEUE ->
                    case erlang:process_info(Pid, total_heap_size) of
                        {_, Words} when Words =< ?DICTIONARY_WORDS ->
                            case erlang:process_info(Pid, dictionary) of
                                {_, Entries} -> proplists:get_value(Key, Entries);
                                undefined -> undefined
                            end;
                        undefined ->
                            undefined;
                        _ ->
                            unread
                    end;
                undefined ->
                    undefined;
                _ ->
                    unread
            end
    end.
